// An app's side of a session on Android. Needs kotlinx-coroutines and OkHttp.
//
//     val session = Session(context, base = "https://shop.example/auth/".toHttpUrl(), clientId = "phone")
//     session.logIn("ada", "s3cret-enough")
//     val answer = session.call(Request.Builder().url(orders).build())
//
// One store for each session: a file that a key of the Android Keystore seals. Keep one Session in each
// process. The rules that matter are marked (1) to (4); the server cannot tell a client that breaks them
// from a thief.

package example.tokens

import android.content.Context
import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.KeyProperties
import android.util.AtomicFile
import java.io.File
import java.io.FileNotFoundException
import java.io.IOException
import java.io.RandomAccessFile
import java.security.KeyStore
import java.util.UUID
import java.util.concurrent.TimeUnit
import javax.crypto.Cipher
import javax.crypto.KeyGenerator
import javax.crypto.SecretKey
import javax.crypto.spec.GCMParameterSpec
import kotlin.math.max
import kotlin.random.Random
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.delay
import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.withLock
import kotlinx.coroutines.withContext
import okhttp3.FormBody
import okhttp3.HttpUrl
import okhttp3.OkHttpClient
import okhttp3.Request
import okhttp3.Response
import org.json.JSONObject

/** The session is over: send the user to the login. */
class LoggedOut : Exception("The session is over.")

/** Nobody answered, or not now. The session goes on; try again later. */
class Unavailable : IOException("The server does not answer.")

/** The server refused what was asked, for example a wrong password. */
class Refused(val error: String) : Exception(error)

/** Another step of the login is needed, by one of these methods. */
class InteractionRequired(val challenge: String, val methods: List<String>) : Exception("Another step is needed.")

/** What one session holds; `key` is the Idempotency-Key of the exchange that is under way. */
data class Held(
    val refreshToken: String,
    val accessToken: String,
    val accessExpires: Long,
    val deviceId: String,
    val key: String? = null,
) {
    override fun toString() = "Held(accessExpires=$accessExpires)"
}

class Session(context: Context, private val base: HttpUrl, private val clientId: String) {
    private val store = SealedStore(context.noBackupFilesDir, "tokenauth-$clientId")
    private val http = OkHttpClient.Builder()
        .callTimeout(15, TimeUnit.SECONDS)
        .retryOnConnectionFailure(false)
        .build()

    /** One exchange at a time in this process; whoever comes meanwhile finds what it brought. */
    private val exchanging = Mutex()

    suspend fun logIn(username: String, password: String, deviceName: String = "") {
        val form = mutableMapOf("username" to username, "password" to password, "device_name" to deviceName)
        store.change { it }?.let { form["device_id"] = it.deviceId }
        loggedIn("login/", form)
    }

    suspend fun continueLogin(challenge: String, method: String, response: String) =
        loggedIn("login/continue/", mapOf("challenge" to challenge, "method" to method, "response" to response))

    /** Send a request with an access token that is refreshed when it has to be. */
    suspend fun call(request: Request): Response {
        val held = usable()
        val answer = send(request.with(held))
        val challenge = answer.header("WWW-Authenticate").orEmpty()
        if (answer.code != 401 || "invalid_token" !in challenge) return answer
        answer.close()
        return send(request.with(refresh(held)))
    }

    /** Forget the tokens here, then tell the server. */
    suspend fun logOut() {
        var last: Held? = null
        store.change { held -> last = held; null }
        last?.let { post("token/revoke/", mapOf("token" to it.refreshToken), key = null) }
    }

    private suspend fun usable(): Held {
        val held = store.change { it } ?: throw LoggedOut()
        return if (held.accessExpires - System.currentTimeMillis() > 15_000) held else refresh(held)
    }

    private suspend fun refresh(old: Held): Held = exchanging.withLock {
        // (1) the key is stored beside the token before anything is sent: every retry, after a crash and from
        // another process too, sends the same
        val sent = store.change { held ->
            if (held?.refreshToken == old.refreshToken && held.key == null) held.copy(key = newKey()) else held
        } ?: throw LoggedOut()
        if (sent.refreshToken != old.refreshToken) return sent // another one was faster

        val answer = post("token/refresh/", mapOf("refresh_token" to sent.refreshToken), sent.key)
        if (answer.status != 200 && !answer.reauthenticate) throw Refused(answer.error)
        // (2) written only if the store still holds the token that was sent, (3) and before it is used
        store.change { held ->
            when {
                held?.refreshToken != sent.refreshToken -> held
                answer.status == 200 -> answer.held()
                else -> null
            }
        } ?: throw LoggedOut()
    }

    private suspend fun loggedIn(path: String, form: Map<String, String>) {
        val answer = post(path, form, newKey())
        if (answer.error == "interaction_required") throw InteractionRequired(answer.challenge, answer.methods)
        if (answer.status != 200) throw Refused(answer.error)
        store.change { answer.held() }
    }

    /** POST, and after a lost answer, a 429 or a 5xx (4) the same request again: it consumed nothing. */
    private suspend fun post(path: String, form: Map<String, String>, key: String?): Answer {
        val body = FormBody.Builder().add("client_id", clientId)
        form.filterValues { it.isNotEmpty() }.forEach { (name, value) -> body.add(name, value) }
        val request = Request.Builder().url(base.resolve(path)!!).post(body.build())
        if (key != null) request.header("Idempotency-Key", key)

        for (tried in 0..3) {
            var wait = (250L shl tried) * Random.nextLong(50, 150) / 100
            try {
                send(request.build()).use { answer ->
                    if (answer.code != 429 && answer.code < 500) {
                        return Answer(answer.code, JSONObject(answer.body?.string().orEmpty().ifEmpty { "{}" }))
                    }
                    wait = max(wait, 1000 * (answer.header("Retry-After")?.toLongOrNull() ?: 0))
                }
            } catch (lost: IOException) {
                // nobody heard us, or we did not hear the answer: the same either way
            }
            if (tried < 3) delay(wait)
        }
        throw Unavailable()
    }

    private suspend fun send(request: Request): Response =
        withContext(Dispatchers.IO) { http.newCall(request).execute() }

    private fun Request.with(held: Held) =
        newBuilder().header("Authorization", "Bearer ${held.accessToken}").build()

    private fun newKey() = UUID.randomUUID().toString()
}

/** What the server said. */
private class Answer(val status: Int, private val members: JSONObject) {
    val error: String get() = members.optString("error")
    val reauthenticate: Boolean get() = members.optBoolean("reauthenticate")
    val challenge: String get() = members.optString("challenge")
    val methods: List<String>
        get() = members.optJSONArray("methods")?.let { all -> List(all.length()) { all.getString(it) } }.orEmpty()

    fun held() = Held(
        refreshToken = members.getString("refresh_token"),
        accessToken = members.getString("access_token"),
        accessExpires = System.currentTimeMillis() + 1000 * members.getLong("expires_in"),
        deviceId = members.getString("device_id"),
    )
}

/**
 * One file, written whole or not at all, sealed by a key that the Keystore never gives out. It lies outside the
 * backup: a session belongs to one device.
 */
private class SealedStore(folder: File, private val name: String) {
    private val file = AtomicFile(File(folder, name))
    private val lockFile = File(folder, "$name.lock")
    private val turn = Mutex()

    /** Read, decide and write while no other thread or process does; return what is held then. */
    suspend fun change(decide: (Held?) -> Held?): Held? = withContext(Dispatchers.IO) {
        turn.withLock {
            RandomAccessFile(lockFile, "rw").use { lock ->
                lock.channel.lock().use {
                    val before = read()
                    val after = decide(before)
                    if (after == null) file.delete() else if (after != before) write(after)
                    after
                }
            }
        }
    }

    private fun read(): Held? {
        val sealed = try {
            file.readFully() // the old one, where a write was cut short
        } catch (absent: FileNotFoundException) {
            return null
        }
        val cipher = Cipher.getInstance(TRANSFORMATION)
        cipher.init(Cipher.DECRYPT_MODE, wrappingKey(), GCMParameterSpec(128, sealed, 0, NONCE))
        val members = JSONObject(String(cipher.doFinal(sealed, NONCE, sealed.size - NONCE)))
        return Held(
            refreshToken = members.getString("refresh"),
            accessToken = members.getString("access"),
            accessExpires = members.getLong("expires"),
            deviceId = members.getString("device"),
            key = if (members.has("key")) members.getString("key") else null,
        )
    }

    private fun write(held: Held) {
        val members = JSONObject()
            .put("refresh", held.refreshToken)
            .put("access", held.accessToken)
            .put("expires", held.accessExpires)
            .put("device", held.deviceId)
            .putOpt("key", held.key)
        val cipher = Cipher.getInstance(TRANSFORMATION)
        cipher.init(Cipher.ENCRYPT_MODE, wrappingKey())
        val sealed = cipher.iv + cipher.doFinal(members.toString().toByteArray())
        val stream = file.startWrite()
        try {
            stream.write(sealed)
            file.finishWrite(stream) // to the disk, then in the place of the old one
        } catch (failure: IOException) {
            file.failWrite(stream)
            throw failure
        }
    }

    private fun wrappingKey(): SecretKey {
        val keystore = KeyStore.getInstance(KEYSTORE).apply { load(null) }
        (keystore.getKey(name, null) as? SecretKey)?.let { return it }
        val wanted = KeyGenParameterSpec.Builder(name, KeyProperties.PURPOSE_ENCRYPT or KeyProperties.PURPOSE_DECRYPT)
            .setBlockModes(KeyProperties.BLOCK_MODE_GCM)
            .setEncryptionPaddings(KeyProperties.ENCRYPTION_PADDING_NONE)
            .setKeySize(256)
            .build()
        return KeyGenerator.getInstance(KeyProperties.KEY_ALGORITHM_AES, KEYSTORE).apply { init(wanted) }.generateKey()
    }

    private companion object {
        const val KEYSTORE = "AndroidKeyStore"
        const val TRANSFORMATION = "AES/GCM/NoPadding"
        const val NONCE = 12
    }
}
