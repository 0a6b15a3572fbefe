package shanhai;

import java.nio.charset.StandardCharsets;
import java.util.Base64;
import org.apache.hadoop.conf.Configuration;
import org.apache.parquet.crypto.KeyAccessDeniedException;
import org.apache.parquet.crypto.keytools.KeyToolkit;
import org.apache.parquet.crypto.keytools.KmsClient;

/** Opens data keys with what a parcel granted: options "granted.<key id>", each a key in base64. */
public class GrantedKeys implements KmsClient {
    private Configuration options;

    public void initialize(Configuration given, String instance, String address, String token) {
        options = given;
    }

    public String wrapKey(byte[] key, String id) {
        throw new UnsupportedOperationException("nothing is written");
    }

    public byte[] unwrapKey(String wrapped, String id) {
        String key = options.get("granted." + id);
        if (key == null) {
            throw new KeyAccessDeniedException("not granted: " + id);
        }
        // A wrap is authenticated with the id of its key, so it belongs to one column of one set.
        byte[] place = id.getBytes(StandardCharsets.US_ASCII);
        return KeyToolkit.decryptKeyLocally(wrapped, Base64.getDecoder().decode(key), place);
    }
}
